import com.fasterxml.jackson.databind.*;
import com.nimbusds.jose.*;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jwt.*;
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.*;
import java.util.*;

/** Exports the first Group of a provider. Usage: java Export BASE_URL CLIENT_ID KEY.json FOLDER */
public class Export {
  static final HttpClient HTTP = HttpClient.newHttpClient();
  static final ObjectMapper JSON = new ObjectMapper();
  static String token;
  static <T> HttpResponse<T> send(HttpRequest.Builder request, HttpResponse.BodyHandler<T> body) throws Exception {
    if (token != null) request.header("Authorization", "Bearer " + token).header("Accept", "application/fhir+json");
    var response = HTTP.send(request.build(), body);
    if (response.statusCode() >= 300) throw new RuntimeException(response.uri() + ": " + response.statusCode());
    return response;
  }
  static HttpRequest.Builder get(String url) { return HttpRequest.newBuilder(URI.create(url)); }
  static JsonNode json(HttpRequest.Builder request) throws Exception {
    return JSON.readTree(send(request, BodyHandlers.ofString()).body());
  }
  public static void main(String[] args) throws Exception {
    String base = args[0], client = args[1];
    // 1. A token: SMART Backend Services, with a signed assertion instead of a secret.
    String endpoint = json(get(base + "/fhir/.well-known/smart-configuration")).get("token_endpoint").asText();
    var key = JWK.parse(Files.readString(Path.of(args[2]))).toECKey();
    var claims = new JWTClaimsSet.Builder().issuer(client).subject(client).audience(endpoint)
        .jwtID(UUID.randomUUID().toString()).expirationTime(new Date(System.currentTimeMillis() + 240_000)).build();
    var header = new JWSHeader.Builder(JWSAlgorithm.ES384).keyID(key.getKeyID()).type(JOSEObjectType.JWT).build();
    var assertion = new SignedJWT(header, claims);
    assertion.sign(new ECDSASigner(key));
    String form = "grant_type=client_credentials&scope=system/*.rs&client_assertion=" + assertion.serialize()
        + "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    var request = get(endpoint).header("Content-Type", "application/x-www-form-urlencoded")
        .POST(HttpRequest.BodyPublishers.ofString(form));
    token = json(request).get("access_token").asText();
    // 2. The Group of the provider, and an export of it.
    String group = json(get(base + "/fhir/Group?_summary=true")).at("/entry/0/resource/id").asText();
    var kickOff = get(base + "/fhir/Group/" + group + "/$export").header("Prefer", "respond-async");
    String statusUrl = send(kickOff, BodyHandlers.ofString()).headers().firstValue("Content-Location").orElseThrow();
    // 3. Poll until the export is complete. The server says how long to wait.
    var status = send(get(statusUrl), BodyHandlers.ofString());
    for (; status.statusCode() == 202; status = send(get(statusUrl), BodyHandlers.ofString()))
      Thread.sleep(1000 * status.headers().firstValueAsLong("Retry-After").orElse(1));
    // 4. Download the files. Keep transactionTime: it is `_since` of the next export.
    var manifest = JSON.readTree(status.body());
    var folder = Files.createDirectories(Path.of(args[3]));
    int number = 0;
    for (JsonNode file : manifest.get("output"))
      send(get(file.get("url").asText()),
          BodyHandlers.ofFile(folder.resolve(number++ + "." + file.get("type").asText() + ".ndjson")));
    System.out.println(number + " files; the next _since is " + manifest.get("transactionTime").asText());
  }
}
