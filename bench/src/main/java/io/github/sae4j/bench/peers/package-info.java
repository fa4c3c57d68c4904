/** The peers: BLAS, libtorch, and training steps written as their libraries write them. */
package io.github.sae4j.bench.peers;
