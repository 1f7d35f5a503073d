"""The fields of the types of a pod's specification, in the order of an API server's own structures.

A type per paragraph: its name, then its fields: Go's name, what it holds and, where it is not the
same word, the API's name. What it holds: `s` text, `b` yes or no, `i` a number, `p` a number or
text, `q` a quantity, `n` something that may be absent and is shown as it is, `T` another type,
`*T` one that may be absent, `[]T` a list of it.

Source: kubernetes v1.36, pkg/apis/core/types.go.
"""

DATA = """
AWSElasticBlockStoreVolumeSource VolumeID:s FSType:s:fsType Partition:i ReadOnly:b
Affinity NodeAffinity:*NodeAffinity PodAffinity:*PodAffinity PodAntiAffinity:*PodAntiAffinity
AppArmorProfile Type:s LocalhostProfile:n
AzureDiskVolumeSource DiskName:s DataDiskURI:s:diskURI CachingMode:n FSType:n:fsType ReadOnly:n
 Kind:n
AzureFilePersistentVolumeSource SecretName:s ShareName:s ReadOnly:b SecretNamespace:n
AzureFileVolumeSource SecretName:s ShareName:s ReadOnly:b
CSIPersistentVolumeSource Driver:s VolumeHandle:s ReadOnly:b FSType:s:fsType VolumeAttributes:n
 ControllerPublishSecretRef:*SecretReference NodeStageSecretRef:*SecretReference
 NodePublishSecretRef:*SecretReference ControllerExpandSecretRef:*SecretReference
 NodeExpandSecretRef:*SecretReference
CSIVolumeSource Driver:s ReadOnly:n FSType:n:fsType VolumeAttributes:n
 NodePublishSecretRef:*LocalObjectReference
Capabilities Add:n Drop:n
CephFSPersistentVolumeSource Monitors:n Path:s User:s SecretFile:s SecretRef:*SecretReference
 ReadOnly:b
CephFSVolumeSource Monitors:n Path:s User:s SecretFile:s SecretRef:*LocalObjectReference ReadOnly:b
CinderPersistentVolumeSource VolumeID:s FSType:s:fsType ReadOnly:b SecretRef:*SecretReference
CinderVolumeSource VolumeID:s FSType:s:fsType ReadOnly:b SecretRef:*LocalObjectReference
ClusterTrustBundleProjection Name:n SignerName:n LabelSelector:n Optional:n Path:s
ConfigMapEnvSource Name:s Optional:n
ConfigMapKeySelector Name:s Key:s Optional:n
ConfigMapProjection Name:s Items:[]KeyToPath Optional:n
ConfigMapVolumeSource Name:s Items:[]KeyToPath DefaultMode:n Optional:n
Container Name:s Image:s Command:n Args:n WorkingDir:s Ports:[]ContainerPort
 EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements
 ResizePolicy:[]ContainerResizePolicy RestartPolicy:n RestartPolicyRules:[]ContainerRestartRule
 VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice LivenessProbe:*Probe ReadinessProbe:*Probe
 StartupProbe:*Probe Lifecycle:*Lifecycle TerminationMessagePath:s TerminationMessagePolicy:s
 ImagePullPolicy:s SecurityContext:*SecurityContext Stdin:b StdinOnce:b TTY:b:tty
ContainerPort Name:s HostPort:i ContainerPort:i Protocol:s HostIP:s
ContainerResizePolicy ResourceName:s RestartPolicy:s
ContainerRestartRule Action:s ExitCodes:*ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes Operator:s Values:n
DownwardAPIProjection Items:[]DownwardAPIVolumeFile
DownwardAPIVolumeFile Path:s FieldRef:*ObjectFieldSelector ResourceFieldRef:*ResourceFieldSelector
 Mode:n
DownwardAPIVolumeSource Items:[]DownwardAPIVolumeFile DefaultMode:n
EmptyDirVolumeSource Medium:s SizeLimit:n
EnvFromSource Prefix:s ConfigMapRef:*ConfigMapEnvSource SecretRef:*SecretEnvSource
EnvVar Name:s Value:s ValueFrom:*EnvVarSource
EnvVarSource FieldRef:*ObjectFieldSelector ResourceFieldRef:*ResourceFieldSelector
 ConfigMapKeyRef:*ConfigMapKeySelector SecretKeyRef:*SecretKeySelector FileKeyRef:*FileKeySelector
EphemeralContainer Name:s Image:s Command:n Args:n WorkingDir:s Ports:[]ContainerPort
 EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements
 ResizePolicy:[]ContainerResizePolicy RestartPolicy:n RestartPolicyRules:[]ContainerRestartRule
 VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice LivenessProbe:*Probe ReadinessProbe:*Probe
 StartupProbe:*Probe Lifecycle:*Lifecycle TerminationMessagePath:s TerminationMessagePolicy:s
 ImagePullPolicy:s SecurityContext:*SecurityContext Stdin:b StdinOnce:b TTY:b:tty
 TargetContainerName:s
EphemeralVolumeSource VolumeClaimTemplate:*PersistentVolumeClaimTemplate
ExecAction Command:n
FCVolumeSource TargetWWNs:n Lun:n FSType:s:fsType ReadOnly:b WWIDs:n:wwids
FileKeySelector VolumeName:s Path:s Key:s Optional:n
FlexPersistentVolumeSource Driver:s FSType:s:fsType SecretRef:*SecretReference ReadOnly:b
 Options:n
FlexVolumeSource Driver:s FSType:s:fsType SecretRef:*LocalObjectReference ReadOnly:b Options:n
FlockerVolumeSource DatasetName:s DatasetUUID:s
GCEPersistentDiskVolumeSource PDName:s:pdName FSType:s:fsType Partition:i ReadOnly:b
GRPCAction Port:i Service:n
GitRepoVolumeSource Repository:s Revision:s Directory:s
GlusterfsPersistentVolumeSource EndpointsName:s:endpoints Path:s ReadOnly:b EndpointsNamespace:n
GlusterfsVolumeSource EndpointsName:s:endpoints Path:s ReadOnly:b
HTTPGetAction Path:s Port:p Host:s Scheme:s HTTPHeaders:[]HTTPHeader:httpHeaders
HTTPHeader Name:s Value:s
HostAlias IP:s:ip Hostnames:n
HostPathVolumeSource Path:s Type:n
ISCSIPersistentVolumeSource TargetPortal:s IQN:s:iqn Lun:i ISCSIInterface:s:iscsiInterface
 FSType:s:fsType ReadOnly:b Portals:n DiscoveryCHAPAuth:b:chapAuthDiscovery
 SessionCHAPAuth:b:chapAuthSession SecretRef:*SecretReference InitiatorName:n
ISCSIVolumeSource TargetPortal:s IQN:s:iqn Lun:i ISCSIInterface:s:iscsiInterface FSType:s:fsType
 ReadOnly:b Portals:n DiscoveryCHAPAuth:b:chapAuthDiscovery SessionCHAPAuth:b:chapAuthSession
 SecretRef:*LocalObjectReference InitiatorName:n
ImageVolumeSource Reference:s PullPolicy:s
KeyToPath Key:s Path:s Mode:n
Lifecycle PostStart:*LifecycleHandler PreStop:*LifecycleHandler StopSignal:n
LifecycleHandler Exec:*ExecAction HTTPGet:*HTTPGetAction:httpGet
 TCPSocket:*TCPSocketAction:tcpSocket Sleep:*SleepAction
LocalObjectReference Name:s
LocalVolumeSource Path:s FSType:n:fsType
NFSVolumeSource Server:s Path:s ReadOnly:b
NodeAffinity RequiredDuringSchedulingIgnoredDuringExecution:*NodeSelector
 PreferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeSelector NodeSelectorTerms:[]NodeSelectorTerm
NodeSelectorRequirement Key:s Operator:s Values:n
NodeSelectorTerm MatchExpressions:[]NodeSelectorRequirement MatchFields:[]NodeSelectorRequirement
ObjectFieldSelector APIVersion:s:apiVersion FieldPath:s
ObjectReference Kind:s Namespace:s Name:s UID:s:uid APIVersion:s:apiVersion ResourceVersion:s
 FieldPath:s
PersistentVolumeClaimSpec AccessModes:n Selector:n Resources:VolumeResourceRequirements
 VolumeName:s StorageClassName:n VolumeMode:n DataSource:*TypedLocalObjectReference
 DataSourceRef:*TypedObjectReference VolumeAttributesClassName:n
PersistentVolumeClaimTemplate Spec:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource ClaimName:s ReadOnly:b
PersistentVolumeSource GCEPersistentDisk:*GCEPersistentDiskVolumeSource:gcePersistentDisk
 AWSElasticBlockStore:*AWSElasticBlockStoreVolumeSource:awsElasticBlockStore
 HostPath:*HostPathVolumeSource Glusterfs:*GlusterfsPersistentVolumeSource NFS:*NFSVolumeSource:nfs
 RBD:*RBDPersistentVolumeSource:rbd Quobyte:*QuobyteVolumeSource
 ISCSI:*ISCSIPersistentVolumeSource:iscsi FlexVolume:*FlexPersistentVolumeSource
 Cinder:*CinderPersistentVolumeSource CephFS:*CephFSPersistentVolumeSource:cephfs
 FC:*FCVolumeSource:fc Flocker:*FlockerVolumeSource AzureFile:*AzureFilePersistentVolumeSource
 VsphereVolume:*VsphereVirtualDiskVolumeSource AzureDisk:*AzureDiskVolumeSource
 PhotonPersistentDisk:*PhotonPersistentDiskVolumeSource PortworxVolume:*PortworxVolumeSource
 ScaleIO:*ScaleIOPersistentVolumeSource Local:*LocalVolumeSource
 StorageOS:*StorageOSPersistentVolumeSource:storageos CSI:*CSIPersistentVolumeSource:csi
PhotonPersistentDiskVolumeSource PdID:s FSType:s:fsType
PodAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
 PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm LabelSelector:n Namespaces:n TopologyKey:s NamespaceSelector:n MatchLabelKeys:n
 MismatchLabelKeys:n
PodAntiAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
 PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodCertificateProjection SignerName:s KeyType:s MaxExpirationSeconds:n CredentialBundlePath:s
 KeyPath:s CertificateChainPath:s UserAnnotations:n
PodDNSConfig Nameservers:n Searches:n Options:[]PodDNSConfigOption
PodDNSConfigOption Name:s Value:n
PodOS Name:s
PodReadinessGate ConditionType:s
PodResourceClaim Name:s ResourceClaimName:n ResourceClaimTemplateName:n
PodSchedulingGate Name:s
PodSchedulingGroup PodGroupName:n
PodSecurityContext HostNetwork:b HostPID:b HostIPC:b ShareProcessNamespace:n HostUsers:n
 SELinuxOptions:*SELinuxOptions:seLinuxOptions WindowsOptions:*WindowsSecurityContextOptions
 RunAsUser:n RunAsGroup:n RunAsNonRoot:n SupplementalGroups:n SupplementalGroupsPolicy:n
 FSGroup:n:fsGroup FSGroupChangePolicy:n:fsGroupChangePolicy Sysctls:[]Sysctl
 SeccompProfile:*SeccompProfile AppArmorProfile:*AppArmorProfile
 SELinuxChangePolicy:n:seLinuxChangePolicy
PodSpec Volumes:[]Volume InitContainers:[]Container Containers:[]Container
 EphemeralContainers:[]EphemeralContainer RestartPolicy:s TerminationGracePeriodSeconds:n
 ActiveDeadlineSeconds:n DNSPolicy:s:dnsPolicy NodeSelector:n ServiceAccountName:s
 AutomountServiceAccountToken:n NodeName:s SecurityContext:*PodSecurityContext
 ImagePullSecrets:[]LocalObjectReference Hostname:s Subdomain:s SetHostnameAsFQDN:n
 Affinity:*Affinity SchedulerName:s Tolerations:[]Toleration HostAliases:[]HostAlias
 PriorityClassName:s Priority:n PreemptionPolicy:n DNSConfig:*PodDNSConfig:dnsConfig
 ReadinessGates:[]PodReadinessGate RuntimeClassName:n Overhead:n EnableServiceLinks:n
 TopologySpreadConstraints:[]TopologySpreadConstraint OS:*PodOS:os
 SchedulingGates:[]PodSchedulingGate ResourceClaims:[]PodResourceClaim
 Resources:*ResourceRequirements HostnameOverride:n SchedulingGroup:*PodSchedulingGroup
PortworxVolumeSource VolumeID:s FSType:s:fsType ReadOnly:b
PreferredSchedulingTerm Weight:i Preference:NodeSelectorTerm
Probe Exec:*ExecAction HTTPGet:*HTTPGetAction:httpGet TCPSocket:*TCPSocketAction:tcpSocket
 GRPC:*GRPCAction:grpc InitialDelaySeconds:i TimeoutSeconds:i PeriodSeconds:i SuccessThreshold:i
 FailureThreshold:i TerminationGracePeriodSeconds:n
ProjectedVolumeSource Sources:[]VolumeProjection DefaultMode:n
QuobyteVolumeSource Registry:s Volume:s ReadOnly:b User:s Group:s Tenant:s
RBDPersistentVolumeSource CephMonitors:n:monitors RBDImage:s:image FSType:s:fsType RBDPool:s:pool
 RadosUser:s:user Keyring:s SecretRef:*SecretReference ReadOnly:b
RBDVolumeSource CephMonitors:n:monitors RBDImage:s:image FSType:s:fsType RBDPool:s:pool
 RadosUser:s:user Keyring:s SecretRef:*LocalObjectReference ReadOnly:b
ResourceClaim Name:s Request:s
ResourceFieldSelector ContainerName:s Resource:s Divisor:q
ResourceRequirements Limits:n Requests:n Claims:[]ResourceClaim
SELinuxOptions User:s Role:s Type:s Level:s
ScaleIOPersistentVolumeSource Gateway:s System:s SecretRef:*SecretReference SSLEnabled:b:sslEnabled
 ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType:s:fsType ReadOnly:b
ScaleIOVolumeSource Gateway:s System:s SecretRef:*LocalObjectReference SSLEnabled:b:sslEnabled
 ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType:s:fsType ReadOnly:b
SeccompProfile Type:s LocalhostProfile:n
SecretEnvSource Name:s Optional:n
SecretKeySelector Name:s Key:s Optional:n
SecretProjection Name:s Items:[]KeyToPath Optional:n
SecretReference Name:s Namespace:s
SecretVolumeSource SecretName:s Items:[]KeyToPath DefaultMode:n Optional:n
SecurityContext Capabilities:*Capabilities Privileged:n
 SELinuxOptions:*SELinuxOptions:seLinuxOptions WindowsOptions:*WindowsSecurityContextOptions
 RunAsUser:n RunAsGroup:n RunAsNonRoot:n ReadOnlyRootFilesystem:n AllowPrivilegeEscalation:n
 ProcMount:n SeccompProfile:*SeccompProfile AppArmorProfile:*AppArmorProfile
ServiceAccountTokenProjection Audience:s ExpirationSeconds:i Path:s
SleepAction Seconds:i
StorageOSPersistentVolumeSource VolumeName:s VolumeNamespace:s FSType:s:fsType ReadOnly:b
 SecretRef:*ObjectReference
StorageOSVolumeSource VolumeName:s VolumeNamespace:s FSType:s:fsType ReadOnly:b
 SecretRef:*LocalObjectReference
Sysctl Name:s Value:s
TCPSocketAction Port:p Host:s
Toleration Key:s Operator:s Value:s Effect:s TolerationSeconds:n
TopologySpreadConstraint MaxSkew:i TopologyKey:s WhenUnsatisfiable:s LabelSelector:n MinDomains:n
 NodeAffinityPolicy:n NodeTaintsPolicy:n MatchLabelKeys:n
TypedLocalObjectReference APIGroup:n:apiGroup Kind:s Name:s
TypedObjectReference APIGroup:n:apiGroup Kind:s Name:s Namespace:n
Volume Name:s HostPath:*HostPathVolumeSource EmptyDir:*EmptyDirVolumeSource
 GCEPersistentDisk:*GCEPersistentDiskVolumeSource:gcePersistentDisk
 AWSElasticBlockStore:*AWSElasticBlockStoreVolumeSource:awsElasticBlockStore
 GitRepo:*GitRepoVolumeSource Secret:*SecretVolumeSource NFS:*NFSVolumeSource:nfs
 ISCSI:*ISCSIVolumeSource:iscsi Glusterfs:*GlusterfsVolumeSource
 PersistentVolumeClaim:*PersistentVolumeClaimVolumeSource RBD:*RBDVolumeSource:rbd
 Quobyte:*QuobyteVolumeSource FlexVolume:*FlexVolumeSource Cinder:*CinderVolumeSource
 CephFS:*CephFSVolumeSource:cephfs Flocker:*FlockerVolumeSource
 DownwardAPI:*DownwardAPIVolumeSource FC:*FCVolumeSource:fc AzureFile:*AzureFileVolumeSource
 ConfigMap:*ConfigMapVolumeSource VsphereVolume:*VsphereVirtualDiskVolumeSource
 AzureDisk:*AzureDiskVolumeSource PhotonPersistentDisk:*PhotonPersistentDiskVolumeSource
 Projected:*ProjectedVolumeSource PortworxVolume:*PortworxVolumeSource ScaleIO:*ScaleIOVolumeSource
 StorageOS:*StorageOSVolumeSource:storageos CSI:*CSIVolumeSource:csi
 Ephemeral:*EphemeralVolumeSource Image:*ImageVolumeSource
VolumeDevice Name:s DevicePath:s
VolumeNodeAffinity Required:*NodeSelector
VolumeMount Name:s ReadOnly:b RecursiveReadOnly:n MountPath:s SubPath:s MountPropagation:n
 SubPathExpr:s
VolumeProjection Secret:*SecretProjection DownwardAPI:*DownwardAPIProjection
 ConfigMap:*ConfigMapProjection ServiceAccountToken:*ServiceAccountTokenProjection
 ClusterTrustBundle:*ClusterTrustBundleProjection PodCertificate:*PodCertificateProjection
VolumeResourceRequirements Limits:n Requests:n
VsphereVirtualDiskVolumeSource VolumePath:s FSType:s:fsType StoragePolicyName:s StoragePolicyID:s
WeightedPodAffinityTerm Weight:i PodAffinityTerm:PodAffinityTerm
WindowsSecurityContextOptions GMSACredentialSpecName:n:gmsaCredentialSpecName
 GMSACredentialSpec:n:gmsaCredentialSpec RunAsUserName:n HostProcess:n
"""
