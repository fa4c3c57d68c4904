/** Container formats: safetensors, npy, npz and the JSON edge. Readers trust nothing in a file. */
package io.github.sae4j.format;
