/** What kernels do, counted from the code that TornadoVM makes of them; no card is needed. */
package io.github.sae4j.tornado.counting;
