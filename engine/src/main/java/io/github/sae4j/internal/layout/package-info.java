/**
 * Published layouts of SAEs and transcoders, one class a family: recognised by content, and read.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.layout;
