/** What a run's folder holds, read for the page. */
package io.github.sae4j.report.runs;
