/** The kernels: static methods that TornadoVM compiles, and their integer parameters. */
package io.github.sae4j.tornado.kernels;
