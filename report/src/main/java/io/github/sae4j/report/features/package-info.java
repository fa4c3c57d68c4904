/** What latents do, gathered in one pass over codes, and what their weights have in common. */
package io.github.sae4j.report.features;
