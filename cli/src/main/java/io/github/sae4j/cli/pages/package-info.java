/** Pages of runs: what they are given to show. */
package io.github.sae4j.cli.pages;
