package io.github.sae4j.tornado.counting;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A kernel as TornadoVM prints it: OpenCL C of one operation a line, which is most of what the
 * parser knows. What it does not know is an error, so that nothing is left uncounted.
 */
final class KernelSource {
  /** Kinds of values: floating point lives in doubles, all else in longs. */
  enum Kind {
    BOOL,
    INT,
    LONG,
    FLOAT,
    DOUBLE;

    boolean floating() {
      return this == FLOAT || this == DOUBLE;
    }
  }

  /** An expression of registers and constants. */
  sealed interface Expr {
    /** A register. */
    record Register(int slot, Kind kind) implements Expr {}

    /** A whole number. */
    record Whole(long value, Kind kind) implements Expr {}

    /** A floating-point number. */
    record Real(double value, Kind kind) implements Expr {}

    /** An operator or a function. */
    record Call(String name, List<Expr> operands, Kind kind) implements Expr {}

    Kind kind();
  }

  /** A line. */
  sealed interface Statement {
    record Assign(int slot, Kind kind, Expr value, int[] reads) implements Statement {}

    record LoadGlobal(int slot, Kind kind, int bytes, Expr address, int[] reads)
        implements Statement {}

    record StoreGlobal(Kind kind, int bytes, Expr address, Expr value, int[] reads)
        implements Statement {}

    record LoadArray(int slot, int array, Expr index, int[] reads) implements Statement {}

    record StoreArray(int array, Expr index, Expr value, int[] reads) implements Statement {}

    record If(Expr condition, List<Statement> then, List<Statement> otherwise, int[] reads)
        implements Statement {}

    record Loop(Expr condition, List<Statement> body, int[] reads) implements Statement {}

    /** Of the group. */
    record Barrier() implements Statement {}

    /** Leaves a loop, its turn, or the kernel. */
    record Jump(byte how) implements Statement {}
  }

  static final byte BREAK = 1;
  static final byte CONTINUE = 2;
  static final byte RETURN = 3;

  /** An array within a kernel. */
  record Array(String name, Kind kind, int bytes, int length, boolean local) {}

  final String name;
  final List<String> parameters = new ArrayList<>();
  final List<Array> arrays = new ArrayList<>();
  final List<Statement> body;
  final List<Kind> registers = new ArrayList<>();

  private static final Pattern HEAD = Pattern.compile("__kernel\\s+void\\s+(\\w+)\\s*\\((.*)\\)");
  private static final Pattern ARRAY =
      Pattern.compile("(__local\\s+|__private\\s+)?(\\w+) (\\w+)\\[(\\d+)\\]");
  private static final Pattern DECLARATION =
      Pattern.compile("(bool|int|long|ulong|float|double) ([\\w, ]+)");
  private static final Pattern DEREFERENCE =
      Pattern.compile("\\*\\(\\((?:__global )(\\w+) \\*\\)\\s*(\\w+)\\)");
  private static final Pattern ELEMENT = Pattern.compile("(\\w+)\\[(.+)\\]");
  private static final Pattern TOKEN =
      Pattern.compile(
          "\\s*(?:(0x[0-9a-fA-F]+L?|\\d+UL|\\d+\\.\\d*(?:[eE][-+]?\\d+)?[FfDd]?|\\d+[eE][-+]?\\d+[FfDd]?"
              + "|\\d+[LFfDd]?)|(\\w+)|(<<|>>|<=|>=|==|!=|&&|\\|\\||[-+*/%&|^~!<>?:(),]))");

  private final Map<String, Integer> slots = new HashMap<>();
  private final Map<String, Integer> arrayNumbers = new HashMap<>();
  private final String[] lines;
  private int line;

  private KernelSource(String text) {
    lines =
        text.lines().map(KernelSource::stripped).filter(l -> !l.isEmpty()).toArray(String[]::new);
    Matcher head = HEAD.matcher(lines[0]);
    check(head.matches(), lines[0]);
    name = head.group(1);
    for (String parameter : head.group(2).split(",")) {
      String last = parameter.substring(parameter.lastIndexOf(' ') + 1).replace("*", "");
      if (parameter.contains("__global uchar")) {
        slots.put(last, -1 - parameters.size());
        parameters.add(last);
      }
    }
    line = 1;
    check(lines[line].equals("{"), lines[line]);
    line++;
    body = block();
  }

  /** All kernels of a file, in its order. */
  static List<KernelSource> parseAll(String file) {
    List<KernelSource> kernels = new ArrayList<>();
    int from = file.indexOf("__kernel void");
    while (from >= 0) {
      int next = file.indexOf("__kernel void", from + 1);
      kernels.add(new KernelSource(file.substring(from, next < 0 ? file.length() : next)));
      from = next;
    }
    return kernels;
  }

  private static String stripped(String text) {
    int comment = text.indexOf("//");
    String code = (comment < 0 ? text : text.substring(0, comment)).strip();
    return code.startsWith("#") ? "" : code;
  }

  private static void check(boolean understood, String text) {
    if (!understood) {
      throw new IllegalArgumentException("not understood: " + text);
    }
  }

  /**
   * Registers of a work-item, a guess that only a driver could better: two for each fma of the
   * largest run of lines, which are its sum and its share of the operands.
   */
  int registersNeeded() {
    return Math.clamp(2L * mostFma(body), 40, 128);
  }

  /** Local memory of a group. */
  int localBytes() {
    return arrays.stream()
        .filter(Array::local)
        .mapToInt(array -> array.bytes() * array.length())
        .sum();
  }

  private static int mostFma(List<Statement> statements) {
    int own = 0;
    int most = 0;
    for (Statement statement : statements) {
      switch (statement) {
        case Statement.Assign(int slot, Kind kind, Expr.Call call, int[] reads) ->
            own += call.name().equals("fma") ? 1 : 0;
        case Statement.If branch ->
            most = Math.max(most, Math.max(mostFma(branch.then()), mostFma(branch.otherwise())));
        case Statement.Loop loop -> most = Math.max(most, mostFma(loop.body()));
        default -> {}
      }
    }
    return Math.max(own, most);
  }

  // --- Statements -------------------------------------------------------------------------------

  /** Up to the closing brace. */
  private List<Statement> block() {
    List<Statement> statements = new ArrayList<>();
    while (true) {
      String text = lines[line++];
      if (text.equals("}")) {
        return statements;
      }
      if (text.startsWith("if(")) {
        String condition = text.substring(3, text.lastIndexOf(')'));
        List<Statement> then = opened();
        List<Statement> otherwise = List.of();
        if (lines[line].equals("else")) {
          line++;
          otherwise = opened();
        }
        Expr parsed = expression(condition);
        statements.add(new Statement.If(parsed, then, otherwise, reads(parsed)));
      } else if (text.startsWith("for(")) {
        String[] parts = text.substring(4, text.lastIndexOf(')')).split(";", -1);
        check(parts.length == 3 && parts[0].isBlank() && parts[2].isBlank(), text);
        Expr condition = parts[1].isBlank() ? whole(1) : expression(parts[1]);
        statements.add(new Statement.Loop(condition, opened(), reads(condition)));
      } else if (text.startsWith("while(")) {
        Expr condition = expression(text.substring(6, text.lastIndexOf(')')));
        statements.add(new Statement.Loop(condition, opened(), reads(condition)));
      } else {
        check(text.endsWith(";"), text);
        for (String part : text.split(";")) {
          simple(part.strip(), statements);
        }
      }
    }
  }

  private List<Statement> opened() {
    check(lines[line].equals("{"), lines[line]);
    line++;
    return block();
  }

  private void simple(String text, List<Statement> into) {
    Matcher array = ARRAY.matcher(text);
    Matcher declaration = DECLARATION.matcher(text);
    if (text.isEmpty()) {
      return;
    }
    if (array.matches()) {
      arrayNumbers.put(array.group(3), arrays.size());
      boolean local = array.group(1) != null && array.group(1).startsWith("__local");
      Kind kind = kind(array.group(2));
      arrays.add(
          new Array(array.group(3), kind, bytes(kind), Integer.parseInt(array.group(4)), local));
    } else if (declaration.matches()) {
      for (String register : declaration.group(2).split(", ?")) {
        slots.put(register, registers.size());
        registers.add(kind(declaration.group(1)));
      }
    } else if (text.startsWith("barrier(")) {
      into.add(new Statement.Barrier());
    } else if (text.equals("break")) {
      into.add(new Statement.Jump(BREAK));
    } else if (text.equals("continue")) {
      into.add(new Statement.Jump(CONTINUE));
    } else if (text.equals("return")) {
      into.add(new Statement.Jump(RETURN));
    } else {
      int equals = text.indexOf(" = ");
      check(equals > 0, text);
      assignment(text.substring(0, equals).strip(), text.substring(equals + 3).strip(), into);
    }
  }

  private void assignment(String target, String value, List<Statement> into) {
    Matcher stored = DEREFERENCE.matcher(target);
    Matcher element = ELEMENT.matcher(target);
    if (stored.matches()) {
      Kind kind = kind(stored.group(1));
      Expr address = expression(stored.group(2));
      Expr what = expression(value);
      into.add(new Statement.StoreGlobal(kind, bytes(kind), address, what, reads(address, what)));
      return;
    }
    if (element.matches()) {
      Expr index = expression(element.group(2));
      Expr what = expression(value);
      into.add(
          new Statement.StoreArray(
              arrayNumbers.get(element.group(1)), index, what, reads(index, what)));
      return;
    }
    Integer slot = slots.get(target);
    check(slot != null && slot >= 0, target);
    Matcher loaded = DEREFERENCE.matcher(value);
    Matcher read = ELEMENT.matcher(value);
    if (loaded.matches()) {
      Kind kind = kind(loaded.group(1));
      Expr address = expression(loaded.group(2));
      into.add(new Statement.LoadGlobal(slot, kind, bytes(kind), address, reads(address)));
    } else if (read.matches() && arrayNumbers.containsKey(read.group(1))) {
      Expr index = expression(read.group(2));
      into.add(new Statement.LoadArray(slot, arrayNumbers.get(read.group(1)), index, reads(index)));
    } else {
      Expr what = expression(value);
      into.add(new Statement.Assign(slot, registers.get(slot), what, reads(what)));
    }
  }

  private static Kind kind(String type) {
    return switch (type) {
      case "bool" -> Kind.BOOL;
      case "int" -> Kind.INT;
      case "long", "ulong" -> Kind.LONG;
      case "float" -> Kind.FLOAT;
      case "double" -> Kind.DOUBLE;
      default -> throw new IllegalArgumentException("not understood: type " + type);
    };
  }

  private static int bytes(Kind kind) {
    return kind == Kind.LONG || kind == Kind.DOUBLE ? 8 : 4;
  }

  private static Expr whole(long value) {
    return new Expr.Whole(value, Kind.INT);
  }

  private static int[] reads(Expr... expressions) {
    Deque<Expr> open = new ArrayDeque<>(List.of(expressions));
    List<Integer> found = new ArrayList<>();
    while (!open.isEmpty()) {
      switch (open.remove()) {
        case Expr.Register register -> {
          if (register.slot() >= 0) {
            found.add(register.slot());
          }
        }
        case Expr.Call call -> open.addAll(call.operands());
        case Expr.Whole whole -> {}
        case Expr.Real real -> {}
      }
    }
    return found.stream().mapToInt(Integer::intValue).toArray();
  }

  // --- Expressions ------------------------------------------------------------------------------

  private List<String> tokens;
  private int at;

  private Expr expression(String text) {
    tokens = new ArrayList<>();
    Matcher matcher = TOKEN.matcher(text.strip());
    int end = 0;
    while (matcher.find() && matcher.start() == end) {
      tokens.add(matcher.group().strip());
      end = matcher.end();
    }
    check(end == text.strip().length(), text);
    at = 0;
    Expr result = conditional();
    check(at == tokens.size(), text);
    return result;
  }

  private boolean takes(String token) {
    if (at < tokens.size() && tokens.get(at).equals(token)) {
      at++;
      return true;
    }
    return false;
  }

  private Expr conditional() {
    Expr condition = binary(0);
    if (!takes("?")) {
      return condition;
    }
    Expr yes = conditional();
    check(takes(":"), tokens.toString());
    Expr no = conditional();
    return new Expr.Call("?", List.of(condition, yes, no), wider(yes.kind(), no.kind()));
  }

  private static final List<List<String>> LEVELS =
      List.of(
          List.of("||"),
          List.of("&&"),
          List.of("|"),
          List.of("^"),
          List.of("&"),
          List.of("==", "!="),
          List.of("<", ">", "<=", ">="),
          List.of("<<", ">>"),
          List.of("+", "-"),
          List.of("*", "/", "%"));

  private Expr binary(int level) {
    if (level == LEVELS.size()) {
      return unary();
    }
    Expr left = binary(level + 1);
    while (at < tokens.size() && LEVELS.get(level).contains(tokens.get(at))) {
      String operator = tokens.get(at++);
      Expr right = binary(level + 1);
      Kind kind =
          level < 2 || level == 5 || level == 6
              ? Kind.BOOL
              : level == 7 ? left.kind() : wider(left.kind(), right.kind());
      left = new Expr.Call(operator, List.of(left, right), kind);
    }
    return left;
  }

  private static Kind wider(Kind a, Kind b) {
    Kind wide = a.compareTo(b) > 0 ? a : b;
    return wide == Kind.BOOL ? Kind.INT : wide;
  }

  private Expr unary() {
    for (String operator : List.of("-", "!", "~")) {
      if (takes(operator)) {
        Expr operand = unary();
        return new Expr.Call("unary" + operator, List.of(operand), operand.kind());
      }
    }
    if (takes("(")) {
      String next = tokens.get(at);
      if (List.of("bool", "int", "long", "ulong", "float", "double").contains(next)) {
        at++;
        check(takes(")"), tokens.toString());
        return new Expr.Call("cast", List.of(unary()), kind(next));
      }
      Expr inner = conditional();
      check(takes(")"), tokens.toString());
      return inner;
    }
    return primary();
  }

  private Expr primary() {
    String token = tokens.get(at++);
    if (Character.isDigit(token.charAt(0))) {
      return number(token);
    }
    if (takes("(")) {
      List<Expr> arguments = new ArrayList<>();
      while (!takes(")")) {
        arguments.add(conditional());
        takes(",");
      }
      return new Expr.Call(token, arguments, resultOf(token, arguments));
    }
    if (token.equals("true") || token.equals("false")) {
      return new Expr.Whole(token.equals("true") ? 1 : 0, Kind.BOOL);
    }
    Integer slot = slots.get(token);
    check(slot != null, token);
    return new Expr.Register(slot, slot < 0 ? Kind.LONG : registers.get(slot));
  }

  private static Expr number(String token) {
    char last = token.charAt(token.length() - 1);
    boolean hex = token.startsWith("0x");
    if (!hex
        && (token.contains(".")
            || token.contains("e")
            || token.contains("E")
            || last == 'F'
            || last == 'f')) {
      boolean single = last == 'F' || last == 'f';
      double value = Double.parseDouble(token.replaceAll("[FfDd]$", ""));
      return new Expr.Real(single ? (float) value : value, single ? Kind.FLOAT : Kind.DOUBLE);
    }
    String digits = token.replaceAll("U?L$", "");
    return new Expr.Whole(Long.decode(digits), last == 'L' ? Kind.LONG : Kind.INT);
  }

  private static Kind resultOf(String function, List<Expr> arguments) {
    return switch (function) {
      case "fma", "fabs", "sqrt", "fmin", "fmax", "min", "max", "abs" ->
          arguments.stream().map(Expr::kind).reduce(KernelSource::wider).orElseThrow();
      case "get_global_id", "get_local_id", "get_group_id", "get_local_size", "get_global_size" ->
          Kind.INT;
      case "isless", "isequal", "isgreater", "isnotequal", "islessequal", "isgreaterequal" ->
          Kind.INT;
      default -> throw new IllegalArgumentException("not understood: function " + function);
    };
  }
}
