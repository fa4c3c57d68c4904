package io.github.sae4j.device;

/**
 * Describes a device before it is opened.
 *
 * @param name name to choose it by, for instance {@code cpu} or {@code tornado:0}
 * @param description one line: what it is
 * @param available whether it can run here
 * @param reason if not available, why, and what would help; if available, why the automatic choice
 *     does not take it; else empty
 */
public record DeviceInfo(String name, String description, boolean available, String reason) {
  /**
   * Whether the automatic choice may take the device.
   *
   * @return true if it is available and {@code reason} is empty
   */
  public boolean advisable() {
    return available && reason.isEmpty();
  }
}
