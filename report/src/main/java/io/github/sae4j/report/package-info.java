/**
 * Pages of runs and of the features they learned: {@link io.github.sae4j.report.RunReport} writes
 * one self-contained HTML file.
 */
package io.github.sae4j.report;
