/**
 * Container formats: safetensors, npy, npz and the JSON edge. {@link
 * io.github.sae4j.internal.format.TensorFile#open TensorFile.open} reads, {@link
 * io.github.sae4j.internal.format.SafetensorsWriter} writes.
 *
 * <p>Readers trust nothing in a file: sizes, counts and offsets are bounded by the size of the file
 * before anything is allocated, and whatever is wrong is a {@link
 * io.github.sae4j.format.BadFileException} of one line. No other room of the house knows a byte
 * layout or a JSON parser.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.format;
