package io.github.sae4j.cli.console;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Handles SIGINT, SIGTERM and SIGHUP during work that should end in an orderly way: the first is
 * noted, a second SIGINT or SIGTERM ends the process at once. Otherwise the JVM's own handling
 * applies.
 *
 * <p>SIGHUP comes when a terminal closes, often twice (from the kernel and from the shell) and
 * around a SIGTERM, without anyone asking for it: it never ends the process at once. If it is
 * ignored from the start, as under {@code nohup}, it stays ignored; the JDK takes care of that.
 *
 * <p>The JDK's only interface to signals is {@code sun.misc.Signal}, about which javac warns
 * wherever it is named; it is therefore called by reflection. If it is missing, signals still end
 * the process at once.
 */
public final class Interrupts implements AutoCloseable {
  private final AtomicInteger exitCode = new AtomicInteger();
  private final AtomicBoolean asked = new AtomicBoolean();
  private final Map<Object, Object> previous = new LinkedHashMap<>();

  private Interrupts() {}

  /**
   * Starts noting signals.
   *
   * @param onFirst receives the name of the first signal, on the signal's thread
   * @return close it when signals may end the process again
   */
  public static Interrupts install(Consumer<String> onFirst) {
    Interrupts interrupts = new Interrupts();
    interrupts.handle("INT", ExitCode.INTERRUPTED, onFirst);
    interrupts.handle("TERM", ExitCode.TERMINATED, onFirst);
    interrupts.handle("HUP", ExitCode.HUNG_UP, onFirst);
    return interrupts;
  }

  /**
   * Whether a signal has come.
   *
   * @return true once a signal has come
   */
  public boolean raised() {
    return exitCode.get() != 0;
  }

  /**
   * The exit code that belongs to the first signal.
   *
   * @return 129, 130 or 143; 0 if none has come
   */
  public int exitCode() {
    return exitCode.get();
  }

  private void handle(String name, int code, Consumer<String> onFirst) {
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          switch (method.getName()) {
            case "handle" -> {
              if (code != ExitCode.HUNG_UP && !asked.compareAndSet(false, true)) {
                Runtime.getRuntime().halt(code);
              }
              if (exitCode.compareAndSet(0, code)) {
                onFirst.accept("SIG" + name);
              }
              return null;
            }
            case "hashCode" -> {
              return System.identityHashCode(proxy);
            }
            case "equals" -> {
              return proxy == arguments[0];
            }
            default -> {
              return "sae4j's handler of SIG" + name;
            }
          }
        };
    try {
      Class<?> type = Class.forName("sun.misc.SignalHandler");
      Object signal =
          Class.forName("sun.misc.Signal").getConstructor(String.class).newInstance(name);
      Object proxy = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler);
      previous.put(signal, swap(signal, proxy));
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      System.getLogger("io.github.sae4j.cli")
          .log(System.Logger.Level.DEBUG, "SIG{0} will end the process at once: {1}", name, e);
    }
  }

  private static Object swap(Object signal, Object handler) throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.SignalHandler");
    return Class.forName("sun.misc.Signal")
        .getMethod("handle", signal.getClass(), type)
        .invoke(null, signal, handler);
  }

  /** Restores the previous handlers. */
  @Override
  public void close() {
    previous.forEach(
        (signal, handler) -> {
          try {
            swap(signal, handler);
          } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
          }
        });
    previous.clear();
  }
}
