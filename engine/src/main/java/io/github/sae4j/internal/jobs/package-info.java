/**
 * Files of rows through an SAE: encoded, decoded, edited; by shards, in constant memory, taken up
 * again where they were interrupted.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.jobs;
