package io.github.sae4j.options;

/**
 * An option that does not exist, has a bad value or does not go with another. The message is one
 * line that begins with the option's name; the command line exits with code 2.
 */
public final class ConfigException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /**
   * An error about an option.
   *
   * @param option name of the option, as in files
   * @param problem what was expected and what came
   */
  public ConfigException(String option, String problem) {
    super(option + ": " + problem);
  }
}
