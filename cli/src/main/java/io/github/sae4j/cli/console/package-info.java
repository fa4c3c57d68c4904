/** What reaches the terminal, and how: standard output, progress, widths, escapes, encodings. */
package io.github.sae4j.cli.console;
