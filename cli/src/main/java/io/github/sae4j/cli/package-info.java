/**
 * The command line: commands and exit codes. Only here and below are picocli and the progress bar
 * used, and only here may the process be ended.
 */
package io.github.sae4j.cli;
