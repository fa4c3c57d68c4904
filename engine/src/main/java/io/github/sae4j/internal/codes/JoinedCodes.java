package io.github.sae4j.internal.codes;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Codes of several files, one after the other. */
final class JoinedCodes implements CodeSource {
  private final List<CodeSource> parts;
  private final long[] starts;

  JoinedCodes(List<CodeSource> parts) {
    this.parts = List.copyOf(parts);
    starts = new long[parts.size() + 1];
    for (int i = 0; i < parts.size(); i++) {
      starts[i + 1] = starts[i] + parts.get(i).rows();
    }
  }

  @Override
  public long rows() {
    return starts[parts.size()];
  }

  @Override
  public void read(long first, int count, SparseCodes target) throws IOException {
    int done = 0;
    for (int i = 0; i < parts.size() && done < count; i++) {
      long from = first + done;
      if (from < starts[i + 1]) {
        int some = (int) Math.min(count - done, starts[i + 1] - from);
        parts.get(i).read(from - starts[i], some, target.rows(done, some));
        done += some;
      }
    }
  }

  @Override
  public void expectLatents(int dSae) throws BadFileException {
    for (CodeSource part : parts) {
      part.expectLatents(dSae);
    }
  }

  @Override
  public Map<String, Object> identity() throws IOException {
    List<Object> all = new ArrayList<>();
    for (CodeSource part : parts) {
      all.add(part.identity());
    }
    Map<String, Object> identity = new LinkedHashMap<>();
    identity.put("files", all);
    return identity;
  }

  @Override
  public void close() throws IOException {
    IOException failed = null;
    for (CodeSource part : parts) {
      try {
        part.close();
      } catch (IOException e) {
        failed = e;
      }
    }
    if (failed != null) {
      throw failed;
    }
  }
}
