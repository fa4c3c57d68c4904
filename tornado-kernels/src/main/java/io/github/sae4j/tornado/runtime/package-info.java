/**
 * TornadoVM's runtime: how the JVM must have been started, the devices found, and their failures.
 */
package io.github.sae4j.tornado.runtime;
