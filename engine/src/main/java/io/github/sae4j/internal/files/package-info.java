/** Internal. Files read and written by position that an interrupt cannot close. */
package io.github.sae4j.internal.files;
