/** Task graphs: kernels with their arrays and grids, compiled into plans that run them. */
package io.github.sae4j.tornado.graph;
