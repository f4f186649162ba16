# Kafka Connect with Debezium as pinned in pom.xml, for infra/compose.yaml. The build context is this folder.
FROM maven:3-eclipse-temurin-17 AS jars
COPY pom.xml /build/pom.xml
RUN mvn --batch-mode --quiet --file /build/pom.xml -Djars=/jars generate-resources

FROM eclipse-temurin:17-jre
COPY --from=jars /jars /jars
COPY log4j2.properties connect.worker.properties /etc/connect/
RUN useradd --system connect && mkdir /secrets
USER connect
EXPOSE 8083
CMD ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", \
     "-Dlog4j2.configurationFile=/etc/connect/log4j2.properties", "-cp", "/jars/kafka/*", \
     "org.apache.kafka.connect.cli.ConnectDistributed", "/etc/connect/connect.worker.properties"]
