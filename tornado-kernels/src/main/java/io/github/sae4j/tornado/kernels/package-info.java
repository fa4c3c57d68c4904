/**
 * The kernels themselves: static methods that TornadoVM compiles, and the integers that steer them.
 */
package io.github.sae4j.tornado.kernels;
