package io.github.sae4j.cli;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.DeviceProvider;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;

/** A device that claims exactness and is wrong in one bit once; for tests of {@code parity}. */
public final class OneBitOffProvider implements DeviceProvider {
  /** The call of {@code rowNorms} that is wrong. */
  private static final int WRONG = 6;

  @Override
  public String kind() {
    return "one-bit-off";
  }

  @Override
  public int priority() {
    return -1;
  }

  /** Not listed as available: tests that take every device of the machine must not take it. */
  @Override
  public List<DeviceInfo> devices() {
    return List.of(new DeviceInfo(kind(), "wrong on purpose", false, "for tests only"));
  }

  @Override
  public Device open(int index, DeviceOptions options) {
    Device right = new ScalarDevice();
    int[] calls = {0};
    return (Device)
        Proxy.newProxyInstance(
            OneBitOffProvider.class.getClassLoader(),
            new Class<?>[] {Device.class},
            (proxy, method, args) -> {
              try {
                Object answer = method.invoke(right, args);
                if (method.getName().equals("rowNorms") && ++calls[0] == WRONG) {
                  Matrix out = (Matrix) args[1];
                  out.set(0, 0, Math.nextUp(out.get(0, 0)));
                }
                return answer;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
