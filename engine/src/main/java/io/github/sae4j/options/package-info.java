/** Options as data: names, ranges and defaults in a table, and how their values are read. */
package io.github.sae4j.options;
