/** Internal. Files read and written by position that an interrupt cannot close, also ahead. */
package io.github.sae4j.internal.files;
