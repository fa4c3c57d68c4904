/**
 * Folders that are written as a whole or not at all, and records that show when they were changed.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.folders;
