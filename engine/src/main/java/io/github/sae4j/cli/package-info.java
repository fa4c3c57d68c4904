/** The command line. */
package io.github.sae4j.cli;
