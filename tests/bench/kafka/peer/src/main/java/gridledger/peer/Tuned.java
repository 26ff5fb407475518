package gridledger.peer;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;

/** RocksDB with room: larger memtables, one block cache, Bloom filters. rocksdb.config.setter=gridledger.peer.Tuned */
public final class Tuned implements RocksDBConfigSetter {
  private static final LRUCache CACHE;

  static {
    RocksDB.loadLibrary(); // Kafka Streams asks for this class before it opens a store.
    CACHE = new LRUCache(256L << 20);
  }

  @Override
  public void setConfig(String store, Options options, Map<String, Object> settings) {
    final BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(CACHE);
    table.setFilterPolicy(new BloomFilter(10));
    options.setTableFormatConfig(table);
    options.setWriteBufferSize(64L << 20);
    options.setMaxWriteBufferNumber(3);
    options.setCompressionType(CompressionType.LZ4_COMPRESSION);
  }

  @Override
  public void close(String store, Options options) {}
}
