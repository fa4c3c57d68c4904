/**
 * The command line: commands, progress, exit codes. The only package that uses picocli and the
 * progress bar, and the only one that may end the process.
 */
package io.github.sae4j.cli;
