/** Options as data: a table of names, types, ranges and defaults. */
package io.github.sae4j.options;
