/** Options that commands share, and their other sources than the command line. */
package io.github.sae4j.cli.options;
