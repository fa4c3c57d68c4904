package io.github.sae4j.report;

import io.github.sae4j.device.Device;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a page shows besides what the runs' folders hold.
 *
 * @param title the page's title; empty for the runs' names
 * @param device reads the trained SAEs, whose weights are then shown; empty to leave them alone
 * @param features rows and texts for the pages of features, of the only run; empty for none
 * @param warnings what was warned of, if the run's folder does not say it: one line each
 * @param liveSeconds if the page is served while a run goes on: seconds after which it asks its
 *     server for {@value RunReport#LIVE} again, which is {@link RunReport#liveData}
 */
public record ReportOptions(
    Optional<String> title,
    Optional<Device> device,
    Optional<FeatureInput> features,
    List<String> warnings,
    OptionalInt liveSeconds) {

  /** A page of the logs and records alone. */
  public static final ReportOptions DEFAULT =
      new ReportOptions(
          Optional.empty(), Optional.empty(), Optional.empty(), List.of(), OptionalInt.empty());

  /** Checks the range. */
  public ReportOptions {
    Objects.requireNonNull(title, "title");
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(features, "features");
    warnings = List.copyOf(warnings);
    if (liveSeconds.isPresent() && liveSeconds.getAsInt() < 1) {
      throw new IllegalArgumentException(
          "live seconds: expected at least 1, got " + liveSeconds.getAsInt());
    }
  }

  /**
   * With a title.
   *
   * @param title any text
   * @return a copy
   */
  public ReportOptions titled(String title) {
    return new ReportOptions(Optional.of(title), device, features, warnings, liveSeconds);
  }

  /**
   * With the trained SAEs' weights.
   *
   * @param device reads them; stays open as long as the page is written
   * @return a copy
   */
  public ReportOptions on(Device device) {
    return new ReportOptions(title, Optional.of(device), features, warnings, liveSeconds);
  }

  /**
   * With pages of features.
   *
   * @param input the SAE, rows, texts and labels
   * @return a copy
   */
  public ReportOptions with(FeatureInput input) {
    return new ReportOptions(title, device, Optional.of(input), warnings, liveSeconds);
  }

  /**
   * With warnings that the run's folder does not hold.
   *
   * @param lines one line each
   * @return a copy
   */
  public ReportOptions warned(List<String> lines) {
    return new ReportOptions(title, device, features, lines, liveSeconds);
  }

  /**
   * For a run that goes on.
   *
   * @param seconds after which the page asks again, at least 1
   * @return a copy
   */
  public ReportOptions live(int seconds) {
    return new ReportOptions(title, device, features, warnings, OptionalInt.of(seconds));
  }
}
