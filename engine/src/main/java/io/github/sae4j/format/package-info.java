/** The exception for a file that is not what it should be. */
package io.github.sae4j.format;
