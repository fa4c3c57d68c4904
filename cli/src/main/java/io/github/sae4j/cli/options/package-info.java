/** Options that commands share, and where their values come from besides the line. */
package io.github.sae4j.cli.options;
