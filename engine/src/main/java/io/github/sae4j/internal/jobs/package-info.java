/**
 * Jobs that encode, decode or edit files of rows: in shards, in constant memory, resumable.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.jobs;
