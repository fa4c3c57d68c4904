/**
 * The command line: commands and exit codes. Only this package and those below it use picocli and
 * the progress bar, and only this one may end the process.
 */
package io.github.sae4j.cli;
