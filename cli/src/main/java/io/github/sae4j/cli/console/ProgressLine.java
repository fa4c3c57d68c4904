package io.github.sae4j.cli.console;

import java.util.List;
import java.util.Locale;

/**
 * One line that shows the progress of a run, fitted to the width. In a narrow terminal it keeps
 * what matters most: percentage, time left and figures; then come bar, steps and rate.
 *
 * @param step steps done
 * @param steps steps of the whole run
 * @param rate steps per second, NaN if not known yet
 * @param figures loss and the like
 */
public record ProgressLine(long step, long steps, double rate, String figures) {
  private static final int SHORTEST_BAR = 10;
  private static final int LONGEST_BAR = 40;

  /** The line in at most the given number of columns. */
  public String in(int columns) {
    double share = steps == 0 ? 1 : (double) step / steps;
    String percent = String.format(Locale.ROOT, "%3d%%", (int) (100 * share));
    String count = " " + step + "/" + steps;
    String speed = Double.isNaN(rate) ? "" : String.format(Locale.ROOT, " %.3g/s", rate);
    String left =
        step == steps || Double.isNaN(rate)
            ? ""
            : " " + Durations.text((steps - step) / rate) + " left";
    String tail = "  " + figures;
    for (List<String> middle :
        List.of(List.of(count, speed, left), List.of(count, left), List.of(left))) {
      String words = String.join("", middle) + tail;
      int bar = columns - percent.length() - words.length() - " []".length();
      if (bar >= SHORTEST_BAR) {
        return percent + " [" + bar(share, Math.min(bar, LONGEST_BAR)) + "]" + words;
      }
    }
    String bare = percent + left + tail;
    return bare.length() <= columns ? bare : bare.substring(0, Math.max(columns, 0));
  }

  private static String bar(double share, int columns) {
    int full = (int) (share * columns);
    return "=".repeat(full)
        + (full < columns ? ">" : "")
        + " ".repeat(Math.max(0, columns - full - 1));
  }
}
