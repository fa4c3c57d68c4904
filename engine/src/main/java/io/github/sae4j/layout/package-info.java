/** Published layouts of SAEs and transcoders: recognised by content, read, and written. */
package io.github.sae4j.layout;
