/** The page itself: one HTML file with its scripts, styles and data inside. */
package io.github.sae4j.report.page;
