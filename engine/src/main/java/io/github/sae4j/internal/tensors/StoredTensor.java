package io.github.sae4j.internal.tensors;

import io.github.sae4j.internal.files.ByteSource;

/**
 * A tensor and where its row-major elements lie.
 *
 * @param info its description; its size in bytes has been checked against the source
 * @param source the bytes
 * @param position first byte within the source
 * @param bigEndian whether elements are stored most significant byte first
 */
record StoredTensor(TensorInfo info, ByteSource source, long position, boolean bigEndian) {}
