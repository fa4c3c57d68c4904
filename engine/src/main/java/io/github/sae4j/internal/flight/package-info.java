/**
 * Events for JDK Flight Recorder: training steps and their phases.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.flight;
