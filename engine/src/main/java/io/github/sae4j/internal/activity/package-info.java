/**
 * Activity by thresholds in training: which candidates a tile of rows has, what their activity
 * costs, and how it is differentiated, on the host.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.activity;
