package io.github.sae4j.tornado;

import io.github.sae4j.tornado.kernels.Strips;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import uk.ac.manchester.tornado.api.KernelContext;

/**
 * Runs a kernel as plain Java: a virtual thread per work-item, real barriers, local arrays shared
 * within a group. Needs no device, only the API; it checks indices and barriers, not generated
 * code. Plain Java does not fuse {@code a * b + c}, so operands must make every sum exact.
 *
 * <p>Not for a JVM with a device: TornadoVM recognises the methods of {@link KernelContext} only
 * while no class that overrides them is loaded.
 */
final class WorkItems {
  private WorkItems() {}

  /** Runs groups of {@code size} work-items, one group after the other. */
  static void line(int groups, int size, Consumer<KernelContext> kernel) {
    for (int group = 0; group < groups; group++) {
      runGroup(new int[] {group, 0}, new int[] {size, 1}, kernel);
    }
  }

  /** Runs groups of {@code sizeX * sizeY} work-items. */
  static void grid(int groupsX, int groupsY, int sizeX, int sizeY, Consumer<KernelContext> kernel) {
    for (int y = 0; y < groupsY; y++) {
      for (int x = 0; x < groupsX; x++) {
        runGroup(new int[] {x, y}, new int[] {sizeX, sizeY}, kernel);
      }
    }
  }

  /** Runs groups that take rows of {@code d} columns by {@link Strips}. */
  static void strips(int rows, int d, Consumer<KernelContext> kernel) {
    for (int y = 0; y < Strips.across(d); y++) {
      for (int x = 0; x < (rows + Strips.ROWS - 1) / Strips.ROWS; x++) {
        runGroup(new int[] {x, y}, new int[] {Strips.GROUP, 1}, kernel);
      }
    }
  }

  /** Runs one group of a line. */
  static void group(int group, int size, Consumer<KernelContext> kernel) {
    runGroup(new int[] {group, 0}, new int[] {size, 1}, kernel);
  }

  private static void runGroup(int[] group, int[] size, Consumer<KernelContext> kernel) {
    Group shared = new Group(size[0] * size[1]);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    List<Thread> items = new ArrayList<>();
    for (int y = 0; y < size[1]; y++) {
      for (int x = 0; x < size[0]; x++) {
        KernelContext context = new Item(shared, group, size, x, y);
        items.add(
            Thread.ofVirtual()
                .start(
                    () -> {
                      try {
                        kernel.accept(context);
                      } catch (Throwable t) {
                        failure.compareAndSet(null, t);
                        shared.barrier.reset();
                      }
                    }));
      }
    }
    try {
      for (Thread item : items) {
        item.join();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    if (failure.get() != null) {
      throw new IllegalStateException("a work-item failed", failure.get());
    }
  }

  /** What the work-items of a group share. */
  private static final class Group {
    final CyclicBarrier barrier;
    final List<Object> locals = new ArrayList<>();

    Group(int size) {
      barrier = new CyclicBarrier(size);
    }

    /** The n-th local array, made by whoever comes first. */
    synchronized Object local(int n, Object fresh) {
      if (n == locals.size()) {
        locals.add(fresh);
      }
      return locals.get(n);
    }
  }

  /** One work-item's view. */
  private static final class Item extends KernelContext {
    private final Group shared;
    private int allocated;

    Item(Group shared, int[] group, int[] size, int x, int y) {
      this.shared = shared;
      set("localIdx", x);
      set("localIdy", y);
      set("groupIdx", group[0]);
      set("groupIdy", group[1]);
      set("globalIdx", group[0] * size[0] + x);
      set("globalIdy", group[1] * size[1] + y);
      set("localGroupSizeX", size[0]);
      set("localGroupSizeY", size[1]);
    }

    /** TornadoVM's compiler replaces reads of these fields; here they get their values. */
    private void set(String name, int value) {
      try {
        Field field = KernelContext.class.getField(name);
        field.setAccessible(true);
        field.set(this, value);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void localBarrier() {
      try {
        shared.barrier.await();
      } catch (InterruptedException | BrokenBarrierException e) {
        throw new IllegalStateException("not all work-items of the group came to the barrier", e);
      }
    }

    @Override
    public void globalBarrier() {
      localBarrier();
    }

    @Override
    public int[] allocateIntLocalArray(int size) {
      return (int[]) shared.local(allocated++, new int[size]);
    }

    @Override
    public float[] allocateFloatLocalArray(int size) {
      return (float[]) shared.local(allocated++, new float[size]);
    }
  }
}
