/**
 * Writers of published layouts.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.layout.writing;
