package io.github.sae4j.cli.console;

import picocli.CommandLine.IVersionProvider;

/** Which sae4j and which Java this is. */
public final class Version implements IVersionProvider {
  /** The version in the jar's manifest; class folders have none. */
  public static String current() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      "sae4j " + current(), "Java " + Runtime.version() + ", " + System.getProperty("java.vm.name")
    };
  }
}
