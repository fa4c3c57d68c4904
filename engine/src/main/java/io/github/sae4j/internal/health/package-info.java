/**
 * What of a run looks unhealthy while it trains, and the option that helps.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.health;
