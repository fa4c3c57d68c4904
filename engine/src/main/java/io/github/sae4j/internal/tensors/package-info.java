/**
 * Container formats: safetensors, npy, npz and torch files. {@link
 * io.github.sae4j.internal.tensors.TensorFile#open TensorFile.open} reads, {@link
 * io.github.sae4j.internal.tensors.SafetensorsWriter} writes.
 *
 * <p>Readers trust nothing in a file: sizes, counts and offsets are bounded by the size of the file
 * before anything is allocated, and whatever is wrong is a {@link
 * io.github.sae4j.format.BadFileException} of one line. No other room knows a byte layout.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.tensors;
