package io.github.sae4j.lucene;

import java.io.IOException;
import java.util.Optional;
import org.apache.lucene.index.BinaryDocValues;
import org.apache.lucene.index.DocValues;
import org.apache.lucene.index.IndexReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.ReaderUtil;
import org.apache.lucene.store.ByteArrayDataInput;
import org.apache.lucene.store.ByteArrayDataOutput;
import org.apache.lucene.util.BytesRef;

/**
 * Codes had back from an index by document, as {@link FeatureVectorField#stored} put them there.
 */
public final class StoredVectors {
  /** Bytes of a feature at most: five of the difference to the one before, two of the weight. */
  private static final int MOST_BYTES = 7;

  private StoredVectors() {}

  /** A count, then for each feature the difference to the one before and the weight's frequency. */
  static BytesRef encode(FeatureVector vector) {
    byte[] bytes = new byte[5 + vector.size() * MOST_BYTES];
    ByteArrayDataOutput out = new ByteArrayDataOutput(bytes);
    try {
      out.writeVInt(vector.size());
      int last = 0;
      for (int i = 0; i < vector.size(); i++) {
        out.writeVInt(vector.feature(i) - last);
        out.writeShort((short) FeatureWeight.frequency(vector.weight(i)));
        last = vector.feature(i);
      }
    } catch (IOException e) {
      throw new AssertionError("memory", e);
    }
    return new BytesRef(bytes, 0, out.getPosition());
  }

  static FeatureVector decode(BytesRef bytes) {
    ByteArrayDataInput in = new ByteArrayDataInput(bytes.bytes, bytes.offset, bytes.length);
    int[] features = new int[in.readVInt()];
    float[] weights = new float[features.length];
    int last = 0;
    for (int i = 0; i < features.length; i++) {
      last += in.readVInt();
      features[i] = last;
      weights[i] = FeatureWeight.decode(Short.toUnsignedInt(in.readShort()));
    }
    return FeatureVector.stored(features, weights);
  }

  /**
   * The code of a document.
   *
   * @param reader an index
   * @param field the field of {@link FeatureVectorField#stored}
   * @param doc the document's number in the index
   * @return its code; empty if the document has none
   * @throws IllegalArgumentException if there is no such document
   * @throws IOException if reading fails
   */
  public static Optional<FeatureVector> of(IndexReader reader, String field, int doc)
      throws IOException {
    if (doc < 0 || doc >= reader.maxDoc()) {
      throw new IllegalArgumentException(
          "doc: expected 0 to " + (reader.maxDoc() - 1) + ", got " + doc);
    }
    LeafReaderContext leaf = reader.leaves().get(ReaderUtil.subIndex(doc, reader.leaves()));
    BinaryDocValues values = DocValues.getBinary(leaf.reader(), field);
    return values.advanceExact(doc - leaf.docBase)
        ? Optional.of(decode(values.binaryValue()))
        : Optional.empty();
  }
}
