/**
 * Readers of published layouts of SAEs and transcoders, one class per family, recognised by
 * content.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.layout;
