/** The terminal: standard output, progress, widths, escapes, encodings. */
package io.github.sae4j.cli.console;
