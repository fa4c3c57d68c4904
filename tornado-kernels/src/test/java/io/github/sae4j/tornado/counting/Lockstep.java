package io.github.sae4j.tornado.counting;

import io.github.sae4j.tornado.counting.KernelSource.Array;
import io.github.sae4j.tornado.counting.KernelSource.Expr;
import io.github.sae4j.tornado.counting.KernelSource.Kind;
import io.github.sae4j.tornado.counting.KernelSource.Statement;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Runs a group of a kernel as a GPU does: all work-items go through the lines together, those that
 * a branch leaves out wait. It counts instructions by warps of 32, sectors of 32 bytes that a warp
 * touches in global memory, and the cycles that bank conflicts make of its accesses to local
 * memory; and it keeps for every warp when each register is ready, lines being started in order,
 * one a cycle. A compiler does better than the lines as they stand: it unrolls, and it folds
 * arithmetic of indices.
 */
final class Lockstep {
  private static final int WARP = 32;
  private static final int BANKS = 32;
  private static final int SECTOR = 32;

  /** Global memory: arguments, by their number. */
  interface Memory {
    /** Bits of an element; floating point as a double's. */
    long load(int argument, long offset, Kind kind);
  }

  private final KernelSource kernel;
  private final Memory memory;
  private final Card card;
  private final int sizeX;
  private final int sizeY;
  private final int groupX;
  private final int groupY;
  private final int size;
  private final int warps;
  private final long[][] wholes;
  private final double[][] reals;
  private final byte[] status;
  private final long[][] clocks;
  private final long[] now;
  private final long[][] localWholes;
  private final double[][] localReals;
  private final Map<Long, Long> written;
  private final Set<Long> sectors = new HashSet<>();
  private final LinkedHashSet<Long> l1 = new LinkedHashSet<>();
  private final int l1Sectors;
  private final Map<Integer, Long> sectorsByArgument;
  private final Counts counts = new Counts();

  private Lockstep(
      KernelSource kernel,
      Memory memory,
      Card card,
      int[] size,
      int[] group,
      Map<Long, Long> written,
      Map<Integer, Long> sectorsByArgument) {
    this.kernel = kernel;
    this.memory = memory;
    this.card = card;
    this.written = written;
    this.sectorsByArgument = sectorsByArgument;
    sizeX = size[0];
    sizeY = size[1];
    groupX = group[0];
    groupY = group[1];
    this.size = sizeX * sizeY;
    warps = (this.size + WARP - 1) / WARP;
    int resident = card.residentGroups(kernel, this.size);
    l1Sectors = Math.max(0, card.localBytes() / resident - kernel.localBytes()) / SECTOR;
    int registers = kernel.registers.size();
    wholes = new long[registers][];
    reals = new double[registers][];
    clocks = new long[registers][warps];
    for (int i = 0; i < registers; i++) {
      if (kernel.registers.get(i).floating()) {
        reals[i] = new double[this.size];
      } else {
        wholes[i] = new long[this.size];
      }
    }
    status = new byte[this.size];
    now = new long[warps];
    localWholes = new long[kernel.arrays.size()][];
    localReals = new double[kernel.arrays.size()][];
    for (int i = 0; i < kernel.arrays.size(); i++) {
      Array array = kernel.arrays.get(i);
      int length = array.length() * (array.local() ? 1 : this.size);
      if (array.kind().floating()) {
        localReals[i] = new double[length];
      } else {
        localWholes[i] = new long[length];
      }
    }
  }

  /**
   * Runs one group.
   *
   * @param size work-items along x and y
   * @param group number along x and y
   * @param written what kernels wrote so far, which they read in place of memory's
   * @param sectorsByArgument receives the sectors that the group touches of every argument
   */
  static Counts run(
      KernelSource kernel,
      Memory memory,
      Card card,
      int[] size,
      int[] group,
      Map<Long, Long> written,
      Map<Integer, Long> sectorsByArgument) {
    Lockstep run = new Lockstep(kernel, memory, card, size, group, written, sectorsByArgument);
    int[] all = new int[run.size];
    Arrays.setAll(all, i -> i);
    run.block(kernel.body, all);
    run.counts.groupSectors = run.sectors.size();
    for (long sector : run.sectors) {
      sectorsByArgument.merge((int) (sector >>> (ARGUMENT_SHIFT - 5)), 1L, Long::sum);
    }
    run.counts.groups = 1;
    run.counts.chain = Arrays.stream(run.now).max().orElse(0);
    return run.counts;
  }

  // --- Control ----------------------------------------------------------------------------------

  private int[] block(List<Statement> statements, int[] lanes) {
    int[] active = lanes;
    for (Statement statement : statements) {
      if (active.length == 0) {
        break;
      }
      switch (statement) {
        case Statement.If branch -> {
          branch(branch.condition(), branch.reads(), active);
          int[] then = where(active, branch.condition(), true);
          int[] otherwise = where(active, branch.condition(), false);
          block(branch.then(), then);
          block(branch.otherwise(), otherwise);
          active = running(active);
        }
        case Statement.Loop loop -> {
          loop(loop, active);
          active = running(active);
        }
        case Statement.Jump jump -> {
          for (int lane : active) {
            status[lane] = jump.how();
          }
          active = new int[0];
        }
        case Statement.Barrier barrier -> barrier(active);
        default -> simple(statement, active);
      }
    }
    return active;
  }

  private void loop(Statement.Loop loop, int[] lanes) {
    int[] active = lanes;
    while (active.length > 0) {
      branch(loop.condition(), loop.reads(), active);
      active = where(active, loop.condition(), true);
      block(loop.body(), active);
      for (int lane : active) {
        if (status[lane] == KernelSource.CONTINUE) {
          status[lane] = 0;
        }
      }
      active = running(active);
    }
    for (int lane : lanes) {
      if (status[lane] == KernelSource.BREAK) {
        status[lane] = 0;
      }
    }
  }

  private int[] running(int[] lanes) {
    return Arrays.stream(lanes).filter(lane -> status[lane] == 0).toArray();
  }

  private int[] where(int[] lanes, Expr condition, boolean wanted) {
    int[] found = new int[lanes.length];
    int count = 0;
    for (int lane : lanes) {
      if ((whole(condition, lane) != 0) == wanted) {
        found[count++] = lane;
      }
    }
    return Arrays.copyOf(found, count);
  }

  private void barrier(int[] active) {
    if (active.length
        != (int)
            java.util.stream.IntStream.range(0, size)
                .filter(lane -> status[lane] != KernelSource.RETURN)
                .count()) {
      throw new IllegalStateException(kernel.name + ": not all work-items come to a barrier");
    }
    counts.barriers += warps;
    long latest = Arrays.stream(now).max().orElse(0) + 1;
    Arrays.fill(now, latest);
  }

  private void branch(Expr condition, int[] reads, int[] active) {
    for (int from = 0; from < active.length; from = endOfWarp(active, from)) {
      counts.integer += operations(condition) > 0 ? 2 : 1;
      start(active[from] / WARP, reads);
    }
  }

  private static int endOfWarp(int[] active, int from) {
    int warp = active[from] / WARP;
    int to = from;
    while (to < active.length && active[to] / WARP == warp) {
      to++;
    }
    return to;
  }

  /** When a warp's next line starts. */
  private long start(int warp, int[] reads) {
    long time = now[warp] + 1;
    for (int register : reads) {
      time = Math.max(time, clocks[register][warp]);
    }
    now[warp] = time;
    return time;
  }

  // --- Lines ------------------------------------------------------------------------------------

  private void simple(Statement statement, int[] active) {
    for (int from = 0; from < active.length; ) {
      int to = endOfWarp(active, from);
      int warp = active[from] / WARP;
      switch (statement) {
        case Statement.Assign line -> assign(line, active, from, to, warp);
        case Statement.LoadGlobal line -> {
          final long time = start(warp, line.reads());
          for (int i = from; i < to; i++) {
            int lane = active[i];
            long address = whole(line.address(), lane);
            Long own = written.get(address);
            put(line.slot(), lane, own == null ? load(address, line.kind()) : own, line.kind());
          }
          boolean near = global(line.address(), active, from, to);
          clocks[line.slot()][warp] = time + (near ? card.localLatency() : card.globalLatency());
        }
        case Statement.StoreGlobal line -> {
          start(warp, line.reads());
          for (int i = from; i < to; i++) {
            int lane = active[i];
            written.put(whole(line.address(), lane), bits(line.value(), lane, line.kind()));
          }
          global(line.address(), active, from, to);
        }
        case Statement.LoadArray line -> {
          final long time = start(warp, line.reads());
          Array array = kernel.arrays.get(line.array());
          for (int i = from; i < to; i++) {
            int lane = active[i];
            int index = index(array, whole(line.index(), lane), lane);
            if (array.kind().floating()) {
              reals[line.slot()][lane] = localReals[line.array()][index];
            } else {
              wholes[line.slot()][lane] = localWholes[line.array()][index];
            }
          }
          long cycles = local(array, line.index(), active, from, to);
          clocks[line.slot()][warp] =
              time + (array.local() ? card.localLatency() + cycles - 1 : card.arithmeticLatency());
        }
        case Statement.StoreArray line -> {
          start(warp, line.reads());
          Array array = kernel.arrays.get(line.array());
          for (int i = from; i < to; i++) {
            int lane = active[i];
            int index = index(array, whole(line.index(), lane), lane);
            if (array.kind().floating()) {
              localReals[line.array()][index] = real(line.value(), lane);
            } else {
              localWholes[line.array()][index] = whole(line.value(), lane);
            }
          }
          local(array, line.index(), active, from, to);
        }
        default -> throw new IllegalStateException(statement.toString());
      }
      from = to;
    }
  }

  private void assign(Statement.Assign line, int[] active, int from, int to, int warp) {
    long time = start(warp, line.reads());
    int operations = operations(line.value());
    for (int i = from; i < to; i++) {
      int lane = active[i];
      if (line.kind().floating()) {
        reals[line.slot()][lane] = real(line.value(), lane);
      } else {
        wholes[line.slot()][lane] = whole(line.value(), lane);
      }
    }
    if (line.kind().floating()) {
      counts.floating += operations;
      if (line.value() instanceof Expr.Call call && call.name().equals("fma")) {
        counts.fma++;
        counts.fmaLanes += to - from;
      }
    } else {
      counts.integer += operations;
    }
    // A move from register to register is none once registers are given out.
    clocks[line.slot()][warp] = operations == 0 ? time : time + card.arithmeticLatency();
  }

  private static int operations(Expr expression) {
    return expression instanceof Expr.Call call
        ? 1 + call.operands().stream().mapToInt(Lockstep::operations).sum()
        : 0;
  }

  private int index(Array array, long index, int lane) {
    if (index < 0 || index >= array.length()) {
      throw new IndexOutOfBoundsException(kernel.name + ": " + array + "[" + index + "]");
    }
    return (int) (array.local() ? index : index + (long) lane * array.length());
  }

  /** Whether the group has touched all of it before, so that it is in L1. */
  private boolean global(Expr address, int[] active, int from, int to) {
    counts.globalRequests++;
    Set<Long> touched = new HashSet<>();
    for (int i = from; i < to; i++) {
      touched.add(whole(address, active[i]) / SECTOR);
    }
    counts.requestedSectors += touched.size();
    sectors.addAll(touched);
    boolean near = true;
    for (long sector : touched) {
      // What was used last goes to the end; what was used longest ago is at the front.
      if (!l1.remove(sector)) {
        near = false;
        counts.l1Misses++;
      }
      l1.add(sector);
    }
    while (l1.size() > l1Sectors) {
      l1.removeFirst();
    }
    return near;
  }

  private long local(Array array, Expr index, int[] active, int from, int to) {
    if (!array.local()) {
      return 1;
    }
    Set<Long> words = new HashSet<>();
    int perElement = array.bytes() / 4;
    for (int i = from; i < to; i++) {
      for (int part = 0; part < perElement; part++) {
        words.add(whole(index, active[i]) * perElement + part);
      }
    }
    int[] perBank = new int[BANKS];
    int cycles = 1;
    for (long word : words) {
      cycles = Math.max(cycles, ++perBank[(int) (word % BANKS)]);
    }
    counts.localRequests++;
    counts.localCycles += cycles;
    counts.localBytes += (long) (to - from) * array.bytes();
    return cycles;
  }

  // --- Values -----------------------------------------------------------------------------------

  private static final int ARGUMENT_SHIFT = 40;

  private long load(long address, Kind kind) {
    return memory.load(
        (int) (address >>> ARGUMENT_SHIFT), address & ((1L << ARGUMENT_SHIFT) - 1), kind);
  }

  private void put(int slot, int lane, long bits, Kind kind) {
    if (kind.floating()) {
      reals[slot][lane] = Double.longBitsToDouble(bits);
    } else {
      wholes[slot][lane] = bits;
    }
  }

  private long bits(Expr value, int lane, Kind kind) {
    return kind.floating() ? Double.doubleToRawLongBits(real(value, lane)) : whole(value, lane);
  }

  private double real(Expr expression, int lane) {
    return switch (expression) {
      case Expr.Register register ->
          register.kind().floating()
              ? reals[register.slot()][lane]
              : (double) wholes[register.slot()][lane];
      case Expr.Whole number -> number.value();
      case Expr.Real number -> number.value();
      case Expr.Call call -> realCall(call, lane);
    };
  }

  private double realCall(Expr.Call call, int lane) {
    List<Expr> in = call.operands();
    if (!call.kind().floating()) {
      return whole(call, lane);
    }
    double value =
        switch (call.name()) {
          case "?" -> real(in.get(whole(in.get(0), lane) != 0 ? 1 : 2), lane);
          case "+" -> real(in.get(0), lane) + real(in.get(1), lane);
          case "-" -> real(in.get(0), lane) - real(in.get(1), lane);
          case "*" -> real(in.get(0), lane) * real(in.get(1), lane);
          case "/" -> real(in.get(0), lane) / real(in.get(1), lane);
          case "unary-" -> -real(in.get(0), lane);
          case "cast" -> real(in.get(0), lane);
          case "sqrt" -> Math.sqrt(real(in.get(0), lane));
          case "fabs", "abs" -> Math.abs(real(in.get(0), lane));
          case "fmin", "min" -> Math.min(real(in.get(0), lane), real(in.get(1), lane));
          case "fmax", "max" -> Math.max(real(in.get(0), lane), real(in.get(1), lane));
          case "fma" -> {
            double a = real(in.get(0), lane);
            double b = real(in.get(1), lane);
            double c = real(in.get(2), lane);
            yield call.kind() == Kind.FLOAT
                ? Math.fma((float) a, (float) b, (float) c)
                : Math.fma(a, b, c);
          }
          default -> throw new IllegalStateException(call.name());
        };
    return call.kind() == Kind.FLOAT ? (float) value : value;
  }

  private long whole(Expr expression, int lane) {
    return switch (expression) {
      case Expr.Register register ->
          register.slot() < 0
              ? (long) -register.slot() << ARGUMENT_SHIFT
              : register.kind().floating()
                  ? (long) reals[register.slot()][lane]
                  : wholes[register.slot()][lane];
      case Expr.Whole number -> number.value();
      case Expr.Real number -> (long) number.value();
      case Expr.Call call -> wholeCall(call, lane);
    };
  }

  private long wholeCall(Expr.Call call, int lane) {
    List<Expr> in = call.operands();
    Expr first = in.getFirst();
    if (in.size() == 2 && (first.kind().floating() || in.get(1).kind().floating())) {
      return compare(call.name(), real(first, lane), real(in.get(1), lane)) ? 1 : 0;
    }
    if (call.name().equals("cast") && first.kind().floating()) {
      double value = real(first, lane);
      return call.kind() == Kind.INT ? (int) value : (long) value;
    }
    if (call.name().equals("?")) {
      return whole(in.get(whole(first, lane) != 0 ? 1 : 2), lane);
    }
    long a = whole(first, lane);
    long b = in.size() > 1 ? whole(in.get(1), lane) : 0;
    long value =
        switch (call.name()) {
          case "+" -> a + b;
          case "-" -> a - b;
          case "*" -> a * b;
          case "/" -> a / b;
          case "%" -> a % b;
          case "<<" -> a << b;
          case ">>" -> a >> b;
          case "&" -> a & b;
          case "|" -> a | b;
          case "^" -> a ^ b;
          case "&&" -> a != 0 && b != 0 ? 1 : 0;
          case "||" -> a != 0 || b != 0 ? 1 : 0;
          case "min" -> Math.min(a, b);
          case "max" -> Math.max(a, b);
          case "abs" -> Math.abs(a);
          case "unary-" -> -a;
          case "unary!" -> a == 0 ? 1 : 0;
          case "unary~" -> ~a;
          case "cast" -> a;
          case "get_local_id" -> a == 0 ? lane % sizeX : a == 1 ? lane / sizeX : 0;
          case "get_group_id" -> a == 0 ? groupX : a == 1 ? groupY : 0;
          case "get_local_size" -> a == 0 ? sizeX : a == 1 ? sizeY : 1;
          case "get_global_id" ->
              a == 0
                  ? (long) groupX * sizeX + lane % sizeX
                  : a == 1 ? (long) groupY * sizeY + lane / sizeX : 0;
          default -> compare(call.name(), a, b) ? 1 : 0;
        };
    return call.kind() == Kind.INT ? (int) value : value;
  }

  private static boolean compare(String operator, double a, double b) {
    return switch (operator) {
      case "<", "isless" -> a < b;
      case ">", "isgreater" -> a > b;
      case "<=", "islessequal" -> a <= b;
      case ">=", "isgreaterequal" -> a >= b;
      case "==", "isequal" -> a == b;
      case "!=", "isnotequal" -> a != b;
      default -> throw new IllegalStateException("not understood: " + operator);
    };
  }
}
