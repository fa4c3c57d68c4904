/** What all kernels stand on: the width of vectors, their lanes, and the pool of threads. */
package io.github.sae4j.vector.runtime;
