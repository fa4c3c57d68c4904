/**
 * Published layouts of SAEs and transcoders: recognised by content, read, and written.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.layout;
