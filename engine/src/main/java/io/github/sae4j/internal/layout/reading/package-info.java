/**
 * What the readers of all layouts share: the files of an SAE, its tensors checked by name and
 * shape, and the blueprint that a layout makes of them.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.layout.reading;
